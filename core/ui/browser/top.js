// Another section begins at its head.
let shown;

export default function ({ data }) {
  if (shown !== undefined && shown !== data) document.querySelector("[data-testid=stMain]")?.scrollTo({ top: 0 });
  shown = data;
}
