"""`neglog bench --device cuda`: the losses on a GPU, compared with torch and other packages."""
