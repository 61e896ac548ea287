"""Images before they are encoded: files, colours, folders, splits, coarse pictures, palettes."""
