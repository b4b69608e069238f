"""One page a file: data from `dashboard.data`, pictures from `charts` and `overlays`."""
