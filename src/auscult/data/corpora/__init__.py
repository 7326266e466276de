"""Known corpora, one a module: `find_table(root)` knows its tree, `read(root, table)` lists it. `registry` has all."""
