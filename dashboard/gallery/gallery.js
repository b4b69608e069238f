// Pictures of a page in the browser: every layer's captions are here, so that the slider draws
// without asking the server. The slider itself is in strip.js.

const REST = 400 // milliseconds; a layer that was kept for so long is sent to Python
const STEP = 600 // milliseconds a layer, when the film runs
const open = new WeakMap() // element -> its gallery

export default function (component) {
  const { data, parentElement, setStateValue } = component
  const root = parentElement.querySelector(".peel-gallery")
  const gallery = open.get(root) ?? begin(root)
  gallery.send = () => setStateValue("at", { layer: String(gallery.layer), maps: String(gallery.maps) })
  if (gallery.bytes !== data) receive(gallery, data)
  return () => end(gallery)
}

function begin(root) {
  const gallery = { root, film: null, rest: null, urls: [], known: null }
  gallery.keys = (event) => pressed(gallery, event)
  document.addEventListener("keydown", gallery.keys)
  root.onpointerleave = () => sendNow(gallery)
  open.set(root, gallery)
  return gallery
}

function end(gallery) {
  clearInterval(gallery.film)
  clearTimeout(gallery.rest)
  gallery.urls.forEach((url) => URL.revokeObjectURL(url))
  document.removeEventListener("keydown", gallery.keys)
  open.delete(gallery.root)
}

// Python sends the bytes on every rerun. A layer moves only if the link has another than was sent,
// and what has not changed is not built again: the slider may be in somebody's hand.
function receive(gallery, bytes) {
  const { header, array } = unpack(bytes)
  const built = JSON.stringify({ ...header, layer: null })
  const same = gallery.built === built
  const moves = gallery.known !== header.layer
  Object.assign(gallery, { bytes, built, header, array, maps: header.maps })
  if (moves) gallery.layer = gallery.known = header.layer
  gallery.layer = Math.min(gallery.layer, header.layers)
  if (!same) build(gallery)
  draw(gallery)
}

function build(gallery) {
  const { header, root } = gallery
  gallery.urls.forEach((url) => URL.revokeObjectURL(url))
  gallery.urls = []
  gallery.tiles = header.tiles.map((about, i) => buildTile(gallery, about, i))
  gallery.status = make("div", { class: "unseen", role: "status" })
  root.replaceChildren(buildStrip(gallery),
    make("div", { class: "tiles" }, ...gallery.tiles.map(({ link }) => link)), gallery.status)
}

function buildTile(gallery, about, i) {
  const url = URL.createObjectURL(new Blob([gallery.array(`picture.${i}`)], { type: "image/jpeg" }))
  gallery.urls.push(url)
  const [rows, columns] = about.grid
  const tile = { about, caption: make("div", { class: "caption" }),
    final: make("div", { class: "small final" }),
    map: gallery.maps ? make("canvas", { width: columns, height: rows, "aria-hidden": "true" }) : null,
    values: gallery.maps ? gallery.array(`map.${i}`) : null }
  const lines = about.lines.map((text) => make("div", { class: "small", text }))
  tile.picture = make("div", { class: "picture" }, make("img", { src: url, alt:
    `Picture ${about.id} as the model saw it.` }), ...(tile.map ? [tile.map] : []))
  tile.link = make("a", { class: "tile", onclick: (event) => opened(event, tile) },
    tile.picture, make("div", { class: "words" }, tile.caption, tile.final), ...lines)
  return tile
}

// As Streamlit's own links and the browser's buttons go: without loading the page anew.
function opened(event, tile) {
  if (event.button !== 0 || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return
  event.preventDefault()
  go(tile.link.href)
}

function go(address) {
  window.history.pushState({}, "", address)
  window.dispatchEvent(new PopStateEvent("popstate"))
}

function draw(gallery) {
  const { header, layer } = gallery
  const last = layer === header.layers
  for (const tile of gallery.tiles) {
    const { texts, right, query } = tile.about
    const [text, final] = [texts[layer], texts[header.layers]]
    tile.caption.textContent = text ?? header.words.none
    tile.final.textContent = last || text === final ? "" : `${header.words.finally} ${final ?? header.words.none}`
    tile.picture.classList.toggle("grey", right !== null && right[layer] === 0)
    // Below the last layer the picture opens there; else where its own page begins.
    tile.link.href = `image?${query}${last ? "" : `&layer=${layer}&head=mean`}`
    if (tile.map) drawMap(tile, layer, header)
  }
  drawStrip(gallery)
}

// What a patch has not of the map lets the picture through.
function drawMap(tile, layer, header) {
  const context = tile.map.getContext("2d")
  const n = tile.map.width * tile.map.height
  const pixels = context.createImageData(tile.map.width, tile.map.height)
  const [red, green, blue] = header.ink
  for (let i = 0; i < n && layer > 0; i++) {
    pixels.data.set([red, green, blue, 0.85 * tile.values[(layer - 1) * n + i]], 4 * i)
  }
  context.putImageData(pixels, 0, 0)
}

function move(gallery, layer) {
  gallery.layer = Math.min(Math.max(layer, 0), gallery.header.layers)
  draw(gallery)
  if (!gallery.film) rest(gallery) // a film is one step, sent where it stops
}

function rest(gallery) {
  clearTimeout(gallery.rest)
  gallery.rest = setTimeout(() => sendNow(gallery), REST)
}

// Send Python the layer, if it does not know it yet.
function sendNow(gallery) {
  if (gallery.rest === null) return
  clearTimeout(gallery.rest)
  gallery.rest = null
  gallery.status.textContent = gallery.sentence
  if (gallery.known === gallery.layer && gallery.maps === gallery.header.maps) return
  gallery.known = gallery.layer
  gallery.send()
}

const TAKEN = "input, textarea, select, [contenteditable], [role=slider], [role=combobox], "
  + "[role=listbox], [role=menu], [role=tab], [role=radio], [role=grid], [role=dialog], "
  + "[data-testid=stDataFrame], [data-testid=stPopoverBody]"

// Left and right move the layer, wherever nothing else wants them.
function pressed(gallery, event) {
  const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key]
  if (!step || event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) return
  if (event.composedPath()[0].closest?.(TAKEN)) return
  event.preventDefault()
  move(gallery, gallery.layer + step)
}

function play(gallery) {
  if (gallery.film) return stop(gallery)
  gallery.film = setInterval(() => {
    if (gallery.layer >= gallery.header.layers) return stop(gallery)
    move(gallery, gallery.layer + 1)
    if (gallery.layer >= gallery.header.layers) stop(gallery)
  }, STEP)
  move(gallery, gallery.layer >= gallery.header.layers ? 0 : gallery.layer)
}

function stop(gallery) {
  clearInterval(gallery.film)
  gallery.film = null
  draw(gallery)
  rest(gallery)
}
