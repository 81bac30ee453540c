// What the browser keeps until it is closed, so that a page that is loaded again asks nothing twice.
export default function ({ data }) {
  for (const [name, text] of Object.entries(data)) document.cookie = `${name}=${text}; path=/; SameSite=Strict`;
}
