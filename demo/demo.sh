#!/bin/sh
# litekeep in two minutes: the loss that it was made for, and how it is noticed and undone.
#   demo/demo.sh [LITEKEEP]
# Needs git and the sqlite3 shell. Works in a temporary folder, which it removes.
set -eu

program=${1:-build/litekeep}
if ! command -v "$program" >/dev/null; then
    echo "demo: there is no program $program; build it with make, or name it: demo/demo.sh PATH" >&2
    exit 1
fi
for tool in sqlite3 git; do
    if ! command -v "$tool" >/dev/null; then
        echo "demo: $tool is needed (on Debian: apt install $tool)" >&2
        exit 1
    fi
done
program=$(cd "$(dirname "$(command -v "$program")")" && pwd)/$(basename "$program")

folder=$(mktemp -d "${TMPDIR:-/tmp}/litekeep-demo.XXXXXX")
writer=
cleanup() {
    [ -z "$writer" ] || kill "$writer" 2>/dev/null || true
    # Finished backups are read-only.
    chmod -R u+w "$folder"
    rm -rf "$folder"
}
trap cleanup EXIT
trap 'exit 130' INT TERM HUP
cd "$folder"
# Nothing of this machine: neither its config files nor its store.
export HOME="$folder" LITEKEEP_STORE="$folder/store" LITEKEEP_CONFIG="$folder/litekeep.ini" GIT_CONFIG_NOSYSTEM=1
unset XDG_CONFIG_HOME XDG_DATA_HOME
export COLUMNS="${COLUMNS:-100}"
git config --global user.name Ada
git config --global user.email ada@example.org
git config --global init.defaultBranch main
: >litekeep.ini
chmod 600 litekeep.ini
litekeep() { "$program" "$@"; }

say() { printf '\n# %s\n' "$*"; }
show() { # the command as one would type it, then what it prints
    printf '$'
    for word in "$@"; do
        case $word in
        *[\ \(]*) printf ' "%s"' "$word" ;;
        *) printf ' %s' "$word" ;;
        esac
    done
    printf '\n'
    "$@"
}
expect() { # CODE COMMAND...: show it, and be sure of its exit code
    want=$1
    shift
    code=0
    show "$@" || code=$?
    echo "exit code $code"
    [ "$code" -eq "$want" ] || { echo "demo: exit code $want was expected" >&2; exit 1; }
}
collect() { # N: the collector adds posts
    sqlite3 data/posts.db "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < $1)
        INSERT INTO posts (author, text, likes, score, created)
        SELECT 'author' || (i * 7919 % 997), 'Post number ' || i || ' says hello', i * 31 % 500, (i % 1000) / 8.0,
            datetime(1716973200 + i * 60, 'unixepoch') FROM n;"
}

say "A collector's repository. Long ago, when it was small, the database was committed."
git init -q data
sqlite3 data/posts.db >/dev/null <<'SQL'
PRAGMA journal_mode = wal;
CREATE TABLE posts (id INTEGER PRIMARY KEY, author TEXT NOT NULL, text TEXT, likes INTEGER, score REAL, created TEXT);
CREATE INDEX posts_author ON posts (author);
CREATE TABLE settings (name TEXT PRIMARY KEY, value) WITHOUT ROWID;
INSERT INTO settings VALUES ('version', 3), ('ratio', 0.25), ('title', 'café ☕'), ('key', x'00ff10'), ('note', NULL);
SQL
collect 5000
git -C data add posts.db
git -C data commit -qm "The collector, and what it has so far"
collect 895000
echo "It has $(sqlite3 data/posts.db "SELECT count(*) FROM posts") posts now."

say "Is it safe?"
show litekeep scan data

say "A backup, while a writer goes on committing."
(
    # A kill must not strike within a commit: the loop ends by itself when the flag is there.
    while [ ! -e "$folder/stop" ]; do
        sqlite3 -cmd '.timeout 5000' data/posts.db \
            "UPDATE settings SET value = value + 1 WHERE name = 'version';" || true
    done
) &
writer=$!
show litekeep backup data --init
touch stop
wait "$writer"
writer=
echo "The writer got in $(sqlite3 data/posts.db "SELECT value - 3 FROM settings WHERE name = 'version'") commits meanwhile."

say "What it holds: plain files. Nothing of litekeep is needed to read them."
show litekeep show posts
backup=$(ls -d store/posts/*Z* | tail -n 1)
(
    cd "$backup"
    show find . -type f
    printf '$ sha256sum -c --quiet SHA256SUMS && echo all the same\n'
    sha256sum -c --quiet SHA256SUMS && echo all the same
    first=$(ls json/posts.json.gz json/posts.json/*.gz 2>/dev/null | head -n 1)
    printf '$ zcat %s | head -n 2\n' "$first"
    zcat "$first" 2>/dev/null | head -n 2
)

say "The loss. A forced checkout puts the old, tracked file back, and says nothing about it."
sleep 1
show git -C data checkout -q -f main -- posts.db
rm -f data/posts.db-wal data/posts.db-shm
echo "$(sqlite3 data/posts.db "SELECT count(*) FROM posts") posts are left."

say "The next backup shouts."
expect 4 litekeep backup data

say "No policy removes the last good backup, however strict it is."
sleep 1
show litekeep backup data
show litekeep prune --keep-last 1

say "The alarm stays open until the rows are back or somebody accepts it. For a monitor: status and its exit code."
expect 4 litekeep status

say "What is in the good backup can be asked before it is restored."
good=$(litekeep status --json | sed -n 's/.*"good": *"\([^"]*\)".*/\1/p' | head -n 1)
show litekeep query "posts@$good" "SELECT author, count(*) AS posts, sum(likes) FROM posts GROUP BY author ORDER BY 2 DESC LIMIT 3"

say "The command that the alarm named brings it back; what was there before is backed up first."
show litekeep restore "posts@$good" --to data/posts.db --force
echo "$(sqlite3 data/posts.db "SELECT count(*) FROM posts") posts are there again."
sleep 1
show litekeep backup data
show litekeep status

say "So that it does not happen again: out of Git's hands, and only the index and .gitignore are touched."
show litekeep scan --fix --yes data

say "Risky work, guarded: a backup first, a comparison afterwards."
expect 4 litekeep run data -- sqlite3 data/posts.db "DELETE FROM posts WHERE likes < 100"

say "Can everything in the store still be read? One file is damaged, to see."
damaged=$(ls -d "store/posts/$good/parquet/posts.parquet" "store/posts/$good"/parquet/posts.parquet/* 2>/dev/null | tail -n 1)
chmod u+w "$damaged"
printf 'XXXX' | dd of="$damaged" bs=1 seek=1000 conv=notrunc 2>/dev/null
expect 5 litekeep verify "posts@$good"
show litekeep restore "posts@$good" --to rescued.db

say "Every eight hours from now on, with a first policy of what is kept: this would install it."
show litekeep schedule install --backend cron --dry-run --no-notify data

say "That was all. README.md goes on from here."
