#!/bin/sh
# litekeep in two minutes: a database, backups of it, and what can be done with them.
#   demo/demo.sh [LITEKEEP]
# Needs the sqlite3 shell. Works in a temporary folder, which it removes.
set -eu

program=${1:-build/litekeep}
if ! command -v "$program" >/dev/null; then
    echo "demo: there is no program $program; build it with make, or name it: demo/demo.sh PATH" >&2
    exit 1
fi
if ! command -v sqlite3 >/dev/null; then
    echo "demo: the sqlite3 shell is needed (on Debian: apt install sqlite3)" >&2
    exit 1
fi
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
export LITEKEEP_STORE="$folder/store"
export COLUMNS="${COLUMNS:-100}"
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

say "A collector's database: 100,000 posts."
mkdir data
sqlite3 data/posts.db >/dev/null <<'SQL'
PRAGMA journal_mode = wal;
CREATE TABLE posts (id INTEGER PRIMARY KEY, author TEXT NOT NULL, text TEXT, likes INTEGER, score REAL, created TEXT);
CREATE INDEX posts_author ON posts (author);
CREATE TABLE settings (name TEXT PRIMARY KEY, value) WITHOUT ROWID;
INSERT INTO settings VALUES ('version', 3), ('ratio', 0.25), ('title', 'café ☕'), ('key', x'00ff10'), ('note', NULL);
WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000)
INSERT INTO posts SELECT i, 'author' || (i * 7919 % 997), 'Post number ' || i || ' says hello', i * 31 % 500,
    (i % 1000) / 8.0, datetime(1716973200 + i * 60, 'unixepoch') FROM n;
SQL
say "What is there, and is it safe?"
show litekeep scan data

say "A backup, while a writer goes on committing."
(
    # A kill must not strike within a commit: the loop ends by itself when the flag is there.
    while [ ! -e "$folder/stop" ]; do
        sqlite3 -cmd '.timeout 5000' data/posts.db \
            "INSERT INTO posts (author, text, likes) VALUES ('busy', 'written during the backup', 1);" || true
    done
) &
writer=$!
show litekeep backup data --init
touch stop
wait "$writer"
writer=
echo "The writer got in $(sqlite3 data/posts.db "SELECT count(*) FROM posts WHERE author = 'busy'") commits meanwhile."

sleep 1
say "Time goes by: some posts are deleted, many are added, and it is backed up again."
sqlite3 data/posts.db "DELETE FROM posts WHERE id <= 100;
    INSERT INTO posts (author, text, likes) SELECT author, text, likes FROM posts LIMIT 5000;"
show litekeep backup data --tag evening
show litekeep list
show litekeep list posts

say "What a backup holds, and the first rows of a table."
show litekeep show posts
show litekeep show posts settings
show litekeep show posts posts --rows 3

say "Plain files: nothing of litekeep is needed to check them or to read them."
backup=$(ls -d store/posts/*Z* | tail -n 1)
(
    cd "$backup"
    show find . -type f
    printf '$ sha256sum -c SHA256SUMS\n'
    sha256sum -c SHA256SUMS
    printf '$ zcat json/posts.json.gz | head -n 2\n'
    zcat json/posts.json.gz 2>/dev/null | head -n 2
)

say "The loss: something deletes nearly all posts, and nobody notices until the next backup."
sqlite3 data/posts.db "DELETE FROM posts WHERE id > 5000;"
sleep 1
show litekeep backup data
show litekeep list posts
show litekeep diff posts

say "An older backup answers SQL as it lies there."
show litekeep query posts@latest~1 "SELECT author, count(*) AS posts, sum(likes) FROM posts GROUP BY author ORDER BY 2 DESC LIMIT 3"

say "The table comes back, into the live database; what was there is backed up first. Or the whole database, as a new file."
show litekeep restore posts@latest~1 --table posts --into data/posts.db --force
show litekeep restore posts@latest~2 --to yesterday.db
sqlite3 data/posts.db "SELECT count(*) || ' posts are there again.' FROM posts"

say "Can everything in the store still be read? One file is damaged, to see."
show litekeep verify
damaged=$(ls -d store/posts/*Z*/parquet/posts.parquet | head -n 1)
chmod u+w "$damaged"
printf 'XXXX' | dd of="$damaged" bs=1 seek=1000 conv=notrunc 2>/dev/null
code=0
show litekeep verify posts || code=$?
echo "exit code $code"
[ "$code" -eq 5 ] || { echo "demo: exit code 5 was expected" >&2; exit 1; }
show litekeep restore "posts@$(basename "$(dirname "$(dirname "$damaged")")")" --to rescued.db

say "What cannot be backed up is said, and the rest is done all the same."
printf 'SQLite it says, but encrypted it is: %s\n' 'x9f2k1' > data/secret.db
code=0
show litekeep backup data || code=$?
echo "exit code $code"
[ "$code" -eq 3 ] || { echo "demo: exit code 3 was expected" >&2; exit 1; }

say "That was all. README.md goes on from here."
