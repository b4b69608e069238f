// Measures over layers, with a rule at the chosen one; a click moves to the nearest layer.

const PLOT = { w: 330, h: 118, left: 44, right: 10, top: 8, bottom: 20 }

function buildCurves(reader) {
  const { header } = reader
  const fixed = header.tower.curves.filter((name) =>
    header.curves.some(({ id }) => id === name))
  reader.curves = []
  const plots = [...fixed, null].slice(header.curves.length ? 0 : 3).map((name, i) => {
    const parts = { name, place: make("div"), color: ["c0", "c1", "c2"][name ? i : 2] }
    const title = name ? make("div", { class: "plot-title", text: axisOf(reader, name) })
      : select("Curve", header.curves.filter(({ id }) => !fixed.includes(id))
        .map(({ id, label }) => [id, label]), reader.at.curve, (curve) => reader.choose({ curve }))
    parts.menu = name ? null : title.querySelector("select")
    parts.label = make("div", { class: "small value" })
    reader.curves.push(parts)
    return make("div", { class: "plot" }, title, parts.label, parts.place)
  })
  return make("section", { class: "curves", "aria-label": "Measures over layers" }, ...plots)
}

function axisOf(reader, name) {
  const about = reader.header.curves.find(({ id }) => id === name)
  return about.unit ? `${about.label} (${about.unit})` : about.label
}

function drawCurves(reader, before) {
  const { at } = reader
  for (const plot of reader.curves) {
    const name = plot.name ?? at.curve
    if (plot.menu) plot.menu.value = at.curve
    if (!before || plot.drawn !== name) {
      plot.drawn = name
      plot.values = reader.values(`curve.${name}`)
      plot.place.replaceChildren(plotted(reader, plot, name))
    }
    const layer = Number(at.layer)
    const value = plot.values[layer]
    const x = plotX(reader, layer)
    plot.rule.setAttribute("x1", x)
    plot.rule.setAttribute("x2", x)
    plot.dot.setAttribute("cx", x)
    plot.dot.style.display = Number.isFinite(value) ? "" : "none"
    if (Number.isFinite(value)) plot.dot.setAttribute("cy", plot.y(value))
    plot.label.textContent = `layer ${layer}: ${figures(value)}`
    plot.svg.setAttribute("aria-label", `${axisOf(reader, name)} over layers. ${plot.label.textContent}`)
  }
}

function plotX(reader, layer) {
  return PLOT.left + (PLOT.w - PLOT.left - PLOT.right) * layer / reader.header.layers
}

function plotted(reader, plot, name) {
  const old = reader.values(`before.${name}`)
  const there = [...plot.values, ...(old ?? [])].filter(Number.isFinite)
  let [low, high] = extent(there)
  if (name === "delta_attn") [low, high] = [Math.min(low, 0), Math.max(high, 0)]
  if (low === high) [low, high] = [low - 0.5, high + 0.5]
  plot.y = (value) => PLOT.top + (PLOT.h - PLOT.top - PLOT.bottom) * (high - value) / (high - low)
  plot.svg = drawn("svg", { viewBox: `0 0 ${PLOT.w} ${PLOT.h}`, role: "img", class: plot.color })
  const bottom = PLOT.h - PLOT.bottom
  for (const value of low < 0 && high > 0 ? [low, 0, high] : [low, high]) {
    plot.svg.append(drawn("line", { class: "grid", x1: PLOT.left, x2: PLOT.w - PLOT.right,
      y1: plot.y(value), y2: plot.y(value) }))
    const crowded = value === 0 && Math.min(plot.y(0) - plot.y(high), plot.y(low) - plot.y(0)) < 11
    if (!crowded || low === 0 || high === 0) plot.svg.append(drawn("text", { x: PLOT.left - 5,
      y: plot.y(value) + 3, "text-anchor": "end" }, figures(value)))
  }
  const last = reader.header.layers
  const step = [1, 2, 3, 5, 10].find((n) => last / n <= 8) ?? 20
  for (let layer = 0; layer <= last; layer += step) {
    plot.svg.append(drawn("text", { x: plotX(reader, layer), y: bottom + 13,
      "text-anchor": "middle" }, layer))
  }
  if (old) plot.svg.append(drawn("path", { class: "before", d: way(reader, plot, old) }))
  plot.rule = drawn("line", { class: "rule", y1: PLOT.top, y2: bottom })
  plot.dot = drawn("circle", { class: "dot", r: 4 })
  plot.svg.append(plot.rule, drawn("path", { class: "line", d: way(reader, plot, plot.values) }),
    plot.dot)
  plot.svg.onclick = (event) => {
    const box = plot.svg.getBoundingClientRect()
    const x = (event.clientX - box.left) / box.width * PLOT.w
    const share = (x - PLOT.left) / (PLOT.w - PLOT.left - PLOT.right)
    const layer = Math.round(Math.min(Math.max(share, 0), 1) * last)
    reader.choose({ layer: String(layer) })
  }
  return plot.svg
}

function way(reader, plot, values) {
  let pen = "M"
  let path = ""
  values.forEach((value, layer) => {
    if (!Number.isFinite(value)) { pen = "M"; return }
    path += `${pen}${plotX(reader, layer).toFixed(1)},${plot.y(value).toFixed(1)}`
    pen = "L"
  })
  return path
}
