// Draws the rows that Python sends. Captions are set as textContent only: they are never markup.
export default function (component) {
  const { data, parentElement, setTriggerValue } = component
  const root = parentElement.querySelector(".ladder")
  const held = root.querySelector(":focus")?.dataset.layer
  const scrolled = root.scrollTop
  root.replaceChildren(...data.rows.map((row) => drawRow(row, data.layer, setTriggerValue)))
  root.scrollTop = scrolled
  show(root, data.layer)
  if (held) root.querySelector(`[data-layer="${held}"]`)?.focus()
}

// A newly chosen row comes into view; otherwise the reader's own scrolling stands.
function show(root, layer) {
  const row = root.querySelector(`[data-layer="${layer}"]`)
  if (!row || root.dataset.chosen === String(layer)) return
  root.dataset.chosen = layer
  const [top, bottom] = [row.offsetTop, row.offsetTop + row.offsetHeight]
  if (top < root.scrollTop || bottom > root.scrollTop + root.clientHeight) {
    root.scrollTop = top - root.clientHeight / 2
  }
}

function drawRow(row, chosen, setTriggerValue) {
  const button = element("button", row.same ? "row same" : "row")
  button.type = "button"
  button.dataset.layer = row.layer
  button.setAttribute("aria-current", String(row.layer === chosen))
  button.onclick = () => setTriggerValue("picked", row.layer)
  const caption = element("span", "caption")
  for (const piece of row.pieces) {
    const tag = { gained: "ins", lost: "del", kept: "span" }[piece.change]
    caption.append(element(tag, piece.change, piece.text), " ")
  }
  if (row.pieces.length === 0) caption.append(element("span", "empty", "(no words)"))
  button.append(element("span", "layer", String(row.layer)), caption)
  return button
}

function element(tag, name, text = "") {
  const made = document.createElement(tag)
  made.className = name
  made.textContent = text
  return made
}
