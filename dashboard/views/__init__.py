"""One page a file: data from `dashboard.data.run`, pictures from `charts` and `overlays`."""
