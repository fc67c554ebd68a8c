#!/bin/sh
# Prints the distributions as entries of a C++ table: {"name", "text"}, for each file that is named.
set -eu
for file in "$@"; do
  printf '{"%s", R"cdf(' "$(basename "$file" .txt)"
  cat "$file"
  printf ')cdf"},\n'
done
