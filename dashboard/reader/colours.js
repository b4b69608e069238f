// Colours of values. The palettes come from Python, which has the same for its charts.

// 256 colours, linear between the palette's own.
function table(palette) {
  const stops = palette.map((colour) => [1, 3, 5].map((i) => parseInt(colour.slice(i, i + 2), 16)))
  return Array.from({ length: 256 }, (_, i) => {
    const place = (i / 255) * (stops.length - 1)
    const below = Math.min(Math.floor(place), stops.length - 2)
    return stops[below].map((from, c) => from + (stops[below + 1][c] - from) * (place - below))
  })
}

function colourOf(value, scale, colours) {
  const share = (value - scale.low) / (scale.high - scale.low)
  return colours[Math.round(Math.min(Math.max(share, 0), 1) * 255)]
}

// The ends of the colours for a map: common to all maps of the picture, or the map's own.
function mapScale(reader, shown) {
  const { at, header } = reader
  const apart = at.difference === "true"
  const name = apart ? `difference.${at.map}` : at.map
  const common = header.scales[name][at.hide === "true" ? "rest" : "all"]
  let [low, high] = extent(shown)
  if (at.own_scale !== "true") return { low: apart ? -common.high : 0, ...common, apart }
  if (apart) [low, high] = [-Math.max(-low, high), Math.max(-low, high)]
  return { low, high: high > low ? high : low + 1, clipped: false, apart }
}

// The ends for the matrix. Where signs matter zero is the middle, and one wild cell does not take
// the colours from all others.
function matrixScale(cells, signed) {
  const there = Array.from(cells).filter(Number.isFinite)
  if (!signed) {
    const [low, high] = extent(there)
    return { low, high: high > low ? high : low + 1 }
  }
  const sizes = there.map(Math.abs).sort((a, b) => a - b)
  const end = sizes[Math.min(sizes.length - 1, Math.floor(sizes.length * 0.99))] || 1
  const clipped = sizes.length > 0 && sizes[sizes.length - 1] > end
  return { low: -end, high: end, apart: true, clipped }
}

// A bar of the colours with the values at its ends and middle.
function colourBar(palette, scale, title) {
  const bar = make("div", { class: "bar-colours" })
  bar.style.background = `linear-gradient(to right, ${palette.join(", ")})`
  const last = (scale.clipped ? "≥ " : "") + figures(scale.high)
  const first = (scale.clipped && scale.apart ? "≤ " : "") + figures(scale.low)
  const middle = figures((scale.low + scale.high) / 2)
  return make("div", { class: "bar", role: "img",
    "aria-label": `Colours of ${title}: from ${first} to ${last}` },
  make("div", { class: "bar-title", text: title }), bar,
  make("div", { class: "bar-ends" }, ...[first, middle, last].map((end) =>
    make("span", { text: end }))))
}
