// What Streamlit's links to pages lack: the run in the address bar, a step of the history within a
// page, and on a phone the menu out of the way.

const PHONE = 768 // pixels; so narrow, the sidebar covers the page

export default function (component) {
  complete(component.data)
  document.addEventListener("click", clicked, true)
  return () => document.removeEventListener("click", clicked, true)
}

// Not a step of the history: going back would lead to where the run is put in again.
function complete({ asked, run }) {
  const here = new URL(window.location.href)
  if (asked === run || here.searchParams.get("run") !== asked) return
  here.searchParams.set("run", run)
  window.history.replaceState(window.history.state, "", here)
}

function clicked(event) {
  const link = event.target.closest("[data-testid=stPageLink-NavLink]")
  if (!link) return
  const sidebar = link.closest("[data-testid=stSidebar]")
  if (sidebar && innerWidth <= PHONE) {
    sidebar.querySelector("[data-testid=stSidebarCollapseButton] button")?.click()
  }
  const [page, query = ""] = link.getAttribute("href").split("?")
  if (page !== window.location.pathname.split("/").pop()) return
  // Streamlit would show this page's other state under the old address. To go there as the
  // browser's own buttons do leaves the address right, and the way back.
  event.preventDefault()
  event.stopPropagation()
  window.history.pushState({}, "", `?${query}`)
  window.dispatchEvent(new PopStateEvent("popstate"))
}
