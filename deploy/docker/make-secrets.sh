#!/bin/sh
# Makes the secrets of compose.yaml, each in a file of secrets/, and leaves those that are there. Back the folder up: the
# database cannot be read without its encryption key.
set -eu
folder=${1:-secrets}
mkdir -p "$folder"
# The containers' users have to read the files, and nobody else gets into the folder.
chmod 700 "$folder"
umask 022

# make NAME COMMAND…: stores what the command prints, if there is no such file.
make() {
  path=$folder/$1
  shift
  [ -s "$path" ] || { "$@" | tr -d '\n' >"$path.new" && mv "$path.new" "$path"; }
}

make postgres-password openssl rand -hex 24
make database-url printf 'postgres://krafter:%s@postgres:5432/krafter' "$(cat "$folder/postgres-password")"
make encryption-key openssl rand -base64 32
api_key() { printf 'kr_live_%s' "$(openssl rand -base64 32 | tr '+/' '-_' | tr -d '=')"; }
make first-api-key api_key
