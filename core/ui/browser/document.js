// What the first document knows before anything is drawn. The server is at this address without the name of a page;
// behind a proxy it may stand below a path. The language is the link's, else the browser's, as `language.py` has it.
{
  const names = PAGES,
    path = location.pathname.replace(/\/+$/, ""),
    last = path.split("/").pop(),
    read = new URLSearchParams(location.search).get("lang") ?? navigator.language;
  window.__streamlit = {
    BACKEND_BASE_URL: `${location.origin}${names.includes(last) ? path.slice(0, -last.length - 1) : path}/`,
  };
  document.documentElement.lang = /^(zh|中文)/.test(read) ? "zh-Hans" : "en";
}
