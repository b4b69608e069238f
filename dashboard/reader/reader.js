// One picture in the browser: everything is here, so that a key draws without asking the server.

const REST = 400 // milliseconds; a place that was kept for so long is sent to Python
const open = new WeakMap() // element -> its reader
const last = { serial: null, at: null, sent: null } // for an element made anew on coming back

export default function (component) {
  const { data, parentElement, setStateValue } = component
  const root = parentElement.querySelector(".peel-reader")
  const reader = open.get(root) ?? begin(root)
  reader.send = () => setStateValue("at", reader.at)
  if (reader.bytes !== data) receive(reader, data)
  return () => end(reader)
}

function begin(root) {
  const reader = { root, over: null, film: null, rest: null, keys: null }
  reader.keys = (event) => pressed(reader, event)
  reader.choose = (changes) => choose(reader, changes)
  document.addEventListener("keydown", reader.keys)
  root.onpointerleave = () => sendNow(reader) // to a link, which has to be right
  open.set(root, reader)
  return reader
}

function end(reader) {
  clearInterval(reader.film)
  forget(reader)
  document.removeEventListener("keydown", reader.keys)
  open.delete(reader.root)
}

// Python sends the bytes on every rerun; what has not changed is not drawn again.
function receive(reader, bytes) {
  const { header, array } = unpack(bytes)
  const same = reader.header?.key === header.key
  const moves = header.start.serial !== reader.serial
  const asked = reader.header?.patch !== header.patch
  reader.bytes = bytes
  if (same && !moves && !asked) return
  const cache = same ? reader.cache : new Map()
  cache.delete("patch")
  const before = same ? reader.at : null
  reader.header = header
  reader.cache = cache
  reader.values = (name) => {
    if (!cache.has(name)) cache.set(name, array(name))
    return cache.get(name)
  }
  if (!moves && same) return drawPatch(reader)
  if (moves) {
    reader.serial = header.start.serial
    forget(reader)
    if (last.serial !== reader.serial) last.at = last.sent = header.start.at
    last.serial = reader.serial
    reader.at = last.at
    if (last.at !== last.sent) rest(reader) // the page was left before it was sent
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
  const status = make("div", { class: "unseen", role: "status" })
  reader.status = status
  reader.root.replaceChildren(buildControls(reader), make("div", { class: "panels" },
    buildMatrix(reader), make("div", { class: "centre" }, buildMaps(reader), buildLook(reader)),
    buildLadder(reader)), buildCurves(reader), status)
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
  if (!reader.film) rest(reader) // a film is one step, sent where it stops
}

function rest(reader) {
  forget(reader)
  reader.rest = setTimeout(() => sendNow(reader), REST)
}

function forget(reader) {
  clearTimeout(reader.rest)
  reader.rest = null
}

// Send Python the place, if it does not know it yet.
function sendNow(reader) {
  if (reader.rest === null) return
  forget(reader)
  last.sent = reader.at
  reader.send()
  const { at, header, status } = reader
  const row = header.rows.find(({ layer }) => layer === Number(at.layer))
  status.textContent = `Layer ${at.layer}, head ${at.head}: ${row?.text ?? ""}`
}

function draw(reader, before) {
  drawControls(reader)
  drawMaps(reader)
  drawMatrix(reader, before)
  drawLadder(reader, before)
  drawCurves(reader, before)
}
