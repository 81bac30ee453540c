// Where the server is: at this address without the name of a page. Behind a proxy it may stand below a path.
{
  const names = PAGES,
    path = location.pathname.replace(/\/+$/, ""),
    last = path.split("/").pop();
  window.__streamlit = {
    BACKEND_BASE_URL: `${location.origin}${names.includes(last) ? path.slice(0, -last.length - 1) : path}/`,
  };
}
