// What htmx does not do by itself: every changing request carries the form token, and trouble is told.
document.addEventListener("htmx:configRequest", (event) => {
  if (event.detail.verb !== "get") event.detail.headers["X-CSRF-Token"] = document.body.dataset.csrf;
});

// A refused or failed request shows its answer where the request was made, never silently nothing.
document.addEventListener("htmx:beforeSwap", (event) => {
  if (event.detail.xhr.status === 422 || event.detail.xhr.status === 409) event.detail.shouldSwap = true;
});

document.addEventListener("htmx:sendError", (event) => event.detail.elt.classList.add("stale"));
document.addEventListener("htmx:afterRequest", (event) => {
  if (event.detail.successful) event.detail.elt.classList.remove("stale");
});

// <button data-confirm="…"> asks first; <select data-submit> sends its form when changed; <input data-all="name"> ticks all.
document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-confirm]");
  if (button && !window.confirm(button.dataset.confirm)) event.preventDefault();
});
document.addEventListener("change", (event) => {
  if (event.target.matches("[data-submit]")) event.target.form.requestSubmit();
  const all = event.target.dataset.all;
  if (all) for (const box of event.target.form.querySelectorAll(`input[name="${all}"]`)) box.checked = event.target.checked;
});
document.addEventListener("click", (event) => {
  if (event.target.closest("[data-print]")) window.print();
});
