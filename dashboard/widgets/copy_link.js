// The address bar is the selection: this copies it.
export default function (component) {
  const button = component.parentElement.querySelector("button")
  button.onclick = async () => {
    const copied = await copy(window.location.href)
    button.textContent = copied ? "Link copied" : "Copy it from the address bar"
    clearTimeout(button.words) // of the click before, perhaps of the run before
    button.words = setTimeout(() => { button.textContent = "Copy link" }, 4000)
  }
}

async function copy(text) {
  try {
    await navigator.clipboard.writeText(text)
    return true
  } catch {
    return copyOldWay(text) // the clipboard is for https and localhost alone
  }
}

function copyOldWay(text) {
  const field = document.createElement("textarea")
  field.value = text
  document.body.append(field)
  field.select()
  const copied = document.execCommand("copy")
  field.remove()
  return copied
}
