// One picture in the browser: everything is here, so that a key draws without asking the server.

const REST = 400 // milliseconds; a place that was kept for so long is told to Python
const open = new WeakMap() // element -> its reader
const last = { serial: null, at: null, told: null } // for an element made anew on coming back

export default function (component) {
  const { data, parentElement, setStateValue } = component
  const root = parentElement.querySelector(".peel-reader")
  const reader = open.get(root) ?? begin(root)
  reader.tell = () => setStateValue("at", reader.at)
  if (reader.bytes !== data) receive(reader, data)
  return () => end(reader)
}

function begin(root) {
  const reader = { root, over: null, film: null, rest: null, keys: null }
  reader.keys = (event) => pressed(reader, event)
  reader.choose = (changes) => choose(reader, changes)
  document.addEventListener("keydown", reader.keys)
  root.onpointerleave = () => tellNow(reader) // to a link, which has to be right
  open.set(root, reader)
  return reader
}

function end(reader) {
  clearInterval(reader.film)
  forget(reader)
  document.removeEventListener("keydown", reader.keys)
  open.delete(reader.root)
}

// Python sends a block on every rerun; what has not changed is not drawn again.
function receive(reader, bytes) {
  const { header, array } = unpack(bytes)
  const same = reader.header?.key === header.key
  const told = header.start.serial !== reader.serial
  const asked = reader.header?.patch !== header.patch
  reader.bytes = bytes
  if (same && !told && !asked) return
  const cache = same ? reader.cache : new Map()
  cache.delete("patch")
  const before = same ? reader.at : null
  reader.header = header
  reader.cache = cache
  reader.values = (name) => {
    if (!cache.has(name)) cache.set(name, array(name))
    return cache.get(name)
  }
  if (!told && same) return drawPatch(reader)
  if (told) {
    reader.serial = header.start.serial
    forget(reader)
    if (last.serial !== reader.serial) last.at = last.told = header.start.at
    last.serial = reader.serial
    reader.at = last.at
    if (last.at !== last.told) rest(reader) // the page was left before it was told
  }
  if (!same) build(reader)
  draw(reader, before)
}

function build(reader) {
  const { header } = reader
  if (reader.film) stop(reader)
  reader.picture = null
  reader.tables = Object.fromEntries(Object.entries(header.palettes).map(([name, palette]) =>
    [name, table(palette)]))
  const said = make("div", { class: "unseen", role: "status" })
  reader.said = said
  reader.root.replaceChildren(buildControls(reader), make("div", { class: "panels" },
    buildMatrix(reader), make("div", { class: "centre" }, buildMaps(reader), buildLook(reader)),
    buildLadder(reader)), buildCurves(reader), said)
  document.fonts.ready.then(() => showChosen(reader)) // with its own font a row may be higher
  createImageBitmap(new Blob([reader.values("picture")], { type: "image/jpeg" })).then((picture) => {
    if (reader.header.key !== header.key) return
    reader.picture = picture
    drawMaps(reader)
  })
}

function choose(reader, changes) {
  const before = reader.at
  reader.at = { ...before, ...changes }
  last.at = reader.at
  draw(reader, before)
  if (!reader.film) rest(reader) // a film is one step, told where it stops
}

function rest(reader) {
  forget(reader)
  reader.rest = setTimeout(() => tellNow(reader), REST)
}

function forget(reader) {
  clearTimeout(reader.rest)
  reader.rest = null
}

// Tell Python the place, if it does not know it yet.
function tellNow(reader) {
  if (reader.rest === null) return
  forget(reader)
  last.told = reader.at
  reader.tell()
  const { at, header, said } = reader
  const row = header.rows.find(({ layer }) => layer === Number(at.layer))
  said.textContent = `Layer ${at.layer}, head ${at.head}: ${row?.text ?? ""}`
}

function draw(reader, before) {
  drawControls(reader)
  drawMaps(reader)
  drawMatrix(reader, before)
  drawLadder(reader, before)
  drawCurves(reader, before)
}
