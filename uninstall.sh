#!/bin/sh
# Remove what `make install` put below DESTDIR and PREFIX: the files on record, then the folders that it made, from the innermost
# out. A folder that holds anything else stays.
#
#   uninstall.sh RECORD DESTDIR PREFIX
set -eu

record=$1
root=$(realpath -ms -- "$2/$3")
root=${root%/}
if [ ! -f "$record" ]; then
    echo "make uninstall: there is no record of an installation ($record): run make install with the same DESTDIR and PREFIX, then this again" >&2
    exit 1
fi

removed=0
left=$(mktemp "$record.XXXXXX")
sort -ru "$record" > "$left.all"
while IFS= read -r path; do
    # Below the prefix, or a folder on the way to it.
    case $path/ in
    "$root"/*) ;;
    *)
        case $root/ in
        "$path"/*) ;;
        *)
            printf '%s\n' "$path" >> "$left"
            continue
            ;;
        esac
        ;;
    esac
    if [ -d "$path" ] && [ ! -L "$path" ]; then
        rmdir --ignore-fail-on-non-empty -- "$path"
    elif [ -e "$path" ] || [ -L "$path" ]; then
        rm -f -- "$path"
        removed=$((removed + 1))
    fi
done < "$left.all"
rm -f "$left.all"
mv "$left" "$record"
echo "$removed files removed below $root"
