// Copies the address as it stands, which says all that was chosen.
export default function ({ data, parentElement }) {
  const button = parentElement.querySelector(".link");
  button.textContent = data.copy;
  button.onclick = async () => {
    await navigator.clipboard.writeText(location.href);
    button.textContent = data.copied;
  };
}
