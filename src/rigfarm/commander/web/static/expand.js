// A row of the index opens in place and shows its rig's devices, kept fresh while it is open.
export function toggle(row) {
  if ("rfOpen" in row.dataset) {
    close(row);
  } else {
    row.dataset.rfOpen = "";
    row.querySelector(".expand")?.setAttribute("aria-expanded", "true");
    open(row);
  }
}

const expansion = (row) => document.getElementById(`devices-${row.id}`);

function open(row) {
  const line = document.createElement("tr");
  line.className = "expansion";
  line.id = `devices-${row.id}`;
  const cell = document.createElement("td");
  cell.colSpan = row.children.length;
  cell.setAttribute("hx-get", `${new URL(row.querySelector(".c-name a").href).pathname}/devices`);
  cell.setAttribute("hx-trigger", "load, rigfarm:changed throttle:3s");
  cell.setAttribute("hx-swap", "innerMorph");
  line.append(cell);
  row.after(line);
  htmx.process(line);
}

function close(row) {
  delete row.dataset.rfOpen;
  row.querySelector(".expand")?.setAttribute("aria-expanded", "false");
  expansion(row)?.remove();
}

document.addEventListener("click", (event) => {
  const button = event.target.closest?.(".expand");
  if (button) toggle(button.closest("tr"));
});

document.addEventListener("htmx:after:settle", ({ target }) => {
  if (!target.matches?.(".rig[data-rf-open]")) return;
  expansion(target)?.firstElementChild.dispatchEvent(new CustomEvent("rigfarm:changed"));
});

// A new table body has the rows, not what was opened under them; a rig that went takes its devices with it.
document.addEventListener("htmx:finally:swap", () => {
  for (const row of document.querySelectorAll(".rig[data-rf-open]")) if (!expansion(row)) open(row);
  for (const line of document.querySelectorAll("tr.expansion")) {
    if (line.id !== `devices-${line.previousElementSibling?.id}`) line.remove();
  }
});
