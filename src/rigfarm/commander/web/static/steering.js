// Choosing all rigs of a form at once; and the template of a mining program that was chosen.
const boxes = (all) => [...all.form.elements].filter((one) => one.name === all.dataset.checkAll && one.type === "checkbox" && !one.disabled);

document.addEventListener("change", (event) => {
  const { target } = event;
  if (!(target instanceof HTMLInputElement) || !target.form) return;
  if (target.dataset.checkAll) {
    for (const one of boxes(target)) one.checked = target.checked;
    return;
  }
  for (const all of [...target.form.elements].filter((one) => target.name && one.dataset.checkAll === target.name)) {
    const some = boxes(all);
    all.checked = some.length > 0 && some.every((one) => one.checked);
    all.indeterminate = !all.checked && some.some((one) => one.checked);
  }
});

// Only what was not typed is replaced: nothing, or another program's template.
document.addEventListener("change", ({ target }) => {
  if (!(target instanceof HTMLSelectElement) || !target.dataset.fills) return;
  const field = document.getElementById(target.dataset.fills);
  const template = target.selectedOptions[0]?.dataset.template;
  const now = field.value.trim();
  if (!template || (now && [...target.options].every((one) => one.dataset.template !== now))) return;
  field.value = template;
  field.dispatchEvent(new Event("input", { bubbles: true }));
});
