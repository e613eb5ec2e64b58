#!/usr/bin/env bash
# Seeds for fuzzing the cleaner, from the corpus: tests/fuzz/seeds.sh [CORPUS]. They go into target/fuzz-seeds/TARGET:
#
#   tests/fuzz/seeds.sh
#   cd tests/fuzz && RUSTC_BOOTSTRAP=1 cargo fuzz run clean_pdf ../../target/fuzz-seeds/clean_pdf \
#     -- -max_len=65536 -max_total_time=600 -timeout=20 -rss_limit_mb=2048
#
# Whole files of at most 64 KiB; where a kind has none, the first 64 KiB of its three smallest. Office documents are laid
# out in the clear, as `clean_office` reads them.
set -euo pipefail
cd "$(dirname "$0")/../.."
corpus=${1:-${SEALPOST_CORPUS:-../shared/corpus}}
seeds=target/fuzz-seeds
most=65536

seed() {
  local target=$1 kind file whole
  shift
  mkdir -p "$seeds/$target" "$seeds/clean_any"
  for kind in "$@"; do
    [ -d "$corpus/$kind" ] || continue
    whole=$(find "$corpus/$kind" -type f -size -"$((most / 1024))"k | sort)
    for file in $whole; do
      cp "$file" "$seeds/$target/"
    done
    [ -n "$whole" ] && cp "$(ls -S $whole | tail -n 1)" "$seeds/clean_any/" && continue
    find "$corpus/$kind" -type f -printf '%s %p\n' | sort -n | head -n 3 | while read -r _ file; do
      head -c "$most" "$file" >"$seeds/$target/${file##*/}"
    done
  done
}

seed clean_jpeg jpg
seed clean_png png
seed clean_raster webp gif tif
seed clean_iso_media mp4 mov 3gp m4a heic avif
seed clean_sound mp3 flac ogg opus wav aiff amr
seed clean_pdf pdf
seed clean_office docx xlsx pptx odt ods odp epub hwpx zip
seed clean_svg svg
seed clean_text txt

mkdir -p "$seeds/clean_text"
printf '\xef\xbb\xbfThey meet. \r\n\xed\x9a\x8c\xec\x9d\x98\n' >"$seeds/clean_text/marked"
printf '\xff\xfea\0\r\0\n\0' >"$seeds/clean_text/utf16"

python3 - "$corpus" "$seeds/clean_office" "$most" <<'PYTHON'
import pathlib, sys, zipfile
corpus, to, most = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]), int(sys.argv[3])
for kind in ["docx", "xlsx", "pptx", "odt", "ods", "odp", "epub", "hwpx"]:
    for path in sorted((corpus / kind).glob("*")):
        try:
            members = zipfile.ZipFile(path)
            text = b"".join(b"=== %s\n%s\n" % (name.encode(), members.read(name)) for name in members.namelist())
        except Exception:
            continue  # damaged on purpose, or encrypted
        if len(text) <= most:
            (to / f"{path.name}.parts").write_bytes(text)
PYTHON
for target in "$seeds"/*; do
  echo "${target##*/}: $(find "$target" -type f | wc -l) seeds"
done
