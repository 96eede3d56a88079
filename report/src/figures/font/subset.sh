#!/bin/sh
# Makes DejaVuSansCondensed-subset.ttf: Latin, Greek, Cyrillic, punctuation and the signs of a figure. Needs fonttools.
#   ./subset.sh .../DejaVuSansCondensed.ttf
exec pyftsubset "$1" \
    --unicodes="U+0020-007E,U+00A0-017F,U+0370-03FF,U+0400-045F,U+2010-2027,U+2030-203A,U+2070-209F,U+2190-2193,U+2200-2265,U+25A0-25FF" \
    --no-hinting --layout-features='' --drop-tables+=GSUB,GPOS,GDEF,kern,name --output-file=DejaVuSansCondensed-subset.ttf
