"""Known corpora, one a module: `find_table(root)` recognises the tree, `read(root, table)` lists it; `registry` has all."""
