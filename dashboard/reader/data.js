// The bytes that Python packs (payload.py): a header in JSON, and arrays.

function unpack(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const length = view.getUint32(0, true)
  const header = JSON.parse(new TextDecoder().decode(bytes.subarray(4, 4 + length)))
  const array = (name) => {
    const place = header.arrays[name]
    if (!place) return null
    const width = { u1: 1, f2: 2, f4: 4 }[place.kind]
    const size = place.shape.reduce((product, n) => product * n, 1)
    const start = 4 + length + place.offset
    const own = bytes.slice(start, start + size * width) // a copy lies on a boundary of its own
    if (place.kind === "u1") return own
    return place.kind === "f4" ? new Float32Array(own.buffer) : widened(new Uint16Array(own.buffer))
  }
  return { header, array }
}

// float16 as float32. Browsers are only beginning to have a Float16Array.
function widened(halves) {
  halfTable ??= Float32Array.from({ length: 65536 }, (_, bits) => half(bits))
  return Float32Array.from(halves, (bits) => halfTable[bits])
}

let halfTable = null

function half(bits) {
  const sign = bits & 0x8000 ? -1 : 1
  const exponent = (bits >> 10) & 0x1f
  const fraction = bits & 0x3ff
  if (exponent === 0) return sign * fraction * 2 ** -24
  if (exponent === 31) return fraction ? NaN : sign * Infinity
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15)
}

// One map: the patches of a layer and head, or of the mean over heads (head null). `first` is the
// first patch's token: 1 behind CLS, 0 where there is none.
function patches(values, shape, layer, head, first) {
  const [, heads, tokens] = shape
  const from = (layer - 1) * heads * tokens
  if (head !== null) return values.slice(from + head * tokens + first, from + (head + 1) * tokens)
  const mean = new Float32Array(tokens - first)
  for (let h = 0; h < heads; h++) {
    const start = from + h * tokens + first
    for (let i = 0; i < mean.length; i++) mean[i] += values[start + i]
  }
  return mean.map((sum) => sum / heads)
}

// The map with marked patches filled by the median of their unmasked neighbours, for display.
function withoutMarked(values, marked, columns) {
  const rows = values.length / columns
  const rest = values.filter((_, i) => !marked[i])
  return values.map((value, i) => {
    if (!marked[i]) return value
    const [row, column] = [Math.floor(i / columns), i % columns]
    const near = []
    for (let y = Math.max(row - 1, 0); y <= Math.min(row + 1, rows - 1); y++) {
      for (let x = Math.max(column - 1, 0); x <= Math.min(column + 1, columns - 1); x++) {
        if (!marked[y * columns + x]) near.push(values[y * columns + x])
      }
    }
    return median(near.length ? near : Array.from(rest))
  })
}

function median(values) {
  if (values.length === 0) return 0
  const sorted = values.sort((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
}

function extent(values) {
  let [low, high] = [Infinity, -Infinity]
  for (const value of values) {
    if (value < low) low = value
    if (value > high) high = value
  }
  return low <= high ? [low, high] : [0, 0]
}

// Three figures, without noughts that mean nothing.
function figures(value) {
  if (!Number.isFinite(value)) return "none"
  const size = Math.abs(value)
  if (size !== 0 && (size < 1e-3 || size >= 1e5)) return value.toExponential(1)
  return String(Number(value.toPrecision(3)))
}

// An element; text children become text nodes, never markup.
function make(tag, attributes = {}, ...children) {
  const made = document.createElement(tag)
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "text") made.textContent = value
    else if (name.startsWith("on")) made[name] = value
    else if (value !== null && value !== undefined) made.setAttribute(name, value)
  }
  made.append(...children)
  return made
}

function drawn(tag, attributes = {}, text = null) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag)
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value)
  if (text !== null) made.textContent = text
  return made
}
