// Tells once when no part of the page is being fetched, each picture is there, and a frame has been drawn since.
export default function ({ setTriggerValue }) {
  const isBusy = () => {
    const pictures = [...document.querySelectorAll("[data-testid=stMain] img")];
    const unfinished = document.querySelector("[data-testid=stMain] [data-testid=stSkeleton]");
    return unfinished || !pictures.every((picture) => picture.complete);
  };
  const last = performance.now() + 5000;
  const tell = () => setTriggerValue("painted", true);
  let timer = setTimeout(function look() {
    if (isBusy() && performance.now() < last) {
      timer = setTimeout(look, 50);
    } else {
      requestAnimationFrame(() => { timer = setTimeout(tell); });
    }
  });
  return () => clearTimeout(timer);
}
