// The slider of layers: a bar a layer, as high as the share of pictures whose caption is right
// there. A range input lies over the bars, for fingers, mice and keys alike.

const HIGH = 46 // pixels of a full bar

function buildStrip(gallery) {
  const { header } = gallery
  const n = header.layers + 1
  const parts = { bars: [], says: make("div", { class: "says" }), wrong: make("a", { class: "wrong" }) }
  const plot = drawn("svg", { viewBox: `0 0 ${n} ${HIGH}`, preserveAspectRatio: "none",
    "aria-hidden": "true", class: "bars" })
  for (let layer = 0; layer < n; layer++) {
    const share = shareAt(header.shares, layer)
    const floor = shareAt(header.floor, layer)
    const bar = drawn("rect", { x: layer + 0.12, width: 0.76, y: HIGH * (1 - (share ?? 0)),
      height: HIGH * (share ?? 0) })
    const stand = drawn("rect", { x: layer, width: 1, y: 0, height: HIGH, class: "stand" })
    plot.append(stand, bar)
    if (floor !== null) plot.append(drawn("rect", { x: layer + 0.12, width: 0.76,
      y: HIGH * (1 - floor) - 1, height: 1.5, class: "floor" }))
    parts.bars.push([stand, bar])
  }
  parts.range = make("input", { type: "range", min: 0, max: header.layers, step: 1,
    "aria-label": "Layer", oninput: () => move(gallery, Number(parts.range.value)) })
  parts.range.style.setProperty("--n", n)
  parts.play = make("button", { type: "button", class: "play", onclick: () => play(gallery) })
  const box = make("input", { type: "checkbox", onchange: () => {
    gallery.maps = box.checked
    rest(gallery)
  } })
  box.checked = header.maps
  parts.wrong.onclick = (event) => {
    event.preventDefault()
    go(parts.wrong.href)
  }
  gallery.strip = parts
  return make("section", { class: "strip", "aria-label": "Slider of layers" },
    make("div", { class: "line" }, parts.play,
      make("div", { class: "slide" }, plot, parts.range,
        make("div", { class: "ends", "aria-hidden": "true" }, make("span", { text: header.words.first }),
          make("span", { text: header.words.last })))),
    make("div", { class: "under" }, parts.says, parts.wrong,
      make("label", { class: "check", title: header.words.about_maps }, box,
        make("span", { text: header.words.maps }))))
}

function shareAt(counts, layer) {
  if (!counts || !counts.n[layer]) return null
  return counts.right[layer] / counts.n[layer]
}

function drawStrip(gallery) {
  const { header, layer, strip } = gallery
  const { words, shares, floor } = header
  const name = words.layers[layer]
  strip.bars.forEach(([stand, bar], at) => {
    stand.classList.toggle("chosen", at === layer)
    bar.classList.toggle("chosen", at === layer)
  })
  strip.range.value = layer
  strip.play.textContent = gallery.film ? "❚❚" : "►"
  strip.play.setAttribute("aria-label", gallery.film ? "Stop" : "Play through the layers")
  let [said, wrong] = [`${name}.`, 0]
  if (shareAt(shares, layer) !== null) {
    const [low, high] = shares.interval[layer]
    const right = shares.right[layer]
    wrong = shares.n[layer] - right
    said = `${name}: ${right} of ${shares.n[layer]} captions (95% interval ${
      percent(low)} to ${percent(high)}%) ${words.right}.`
    if (shareAt(floor, layer) !== null) {
      said += ` ${words.floor} ${floor.right[layer]} of ${floor.n[layer]}.`
    }
  }
  strip.says.textContent = said
  strip.range.setAttribute("aria-valuetext", said)
  strip.wrong.hidden = !wrong
  strip.wrong.textContent = `Show the ${wrong} that ${wrong === 1 ? "does" : "do"} not`
  strip.wrong.href = `?${header.wrong.replace("LAYER", layer)}`
  gallery.sentence = said
}

function percent(share) {
  return Math.round(100 * share)
}
