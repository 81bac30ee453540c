export default function ({ data, parentElement }) {
  const text = parentElement.querySelector("p");
  const button = parentElement.querySelector("button");
  text.textContent = data.text;
  button.textContent = data.copy;
  button.onclick = async () => {
    try {
      await navigator.clipboard.writeText(data.text);
      button.textContent = data.copied;
    } catch { // no secure connection: the text is selected, and the person's own key copies it
      getSelection().selectAllChildren(text);
      button.textContent = data.selected;
    }
    setTimeout(() => { button.textContent = data.copy; }, 2000);
  };
}
