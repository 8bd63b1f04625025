#!/bin/sh
# Rigfarm Sentry @VERSION@ for @MACHINE@
#
# A program in one file: below these lines is a compressed archive of it. The first time it unpacks itself, into
# /opt/rigfarm for root and into ~/.local/share/rigfarm for others, and it runs from there:
#     sh rigfarm-sentry-@MACHINE@ join URL      says more with --help
# RIGFARM_ROOT is where the file system of another machine is, for an image.
set -eu
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
case $(uname -m) in
@MACHINE@) ;;
*) echo "This Sentry is for @MACHINE@ and this machine is $(uname -m): take the one for it." >&2 && exit 1 ;;
esac
if [ -n "${RIGFARM_ROOT:-}" ] || [ "$(id -u)" = 0 ]; then
    home=${RIGFARM_ROOT:-}/opt/rigfarm
else
    home=${XDG_DATA_HOME:-$HOME/.local/share}/rigfarm
fi
program=$home/sentry-@VERSION@-@ID@
if [ ! -x "$program/bin/rigfarm" ]; then
    before=$(umask)
    umask 022
    mkdir -p "$home"
    new=$home/.new-$$
    trap 'rm -rf "$new"' EXIT
    trap 'exit 1' HUP INT TERM
    mkdir "$new"
    if ! tail -n "+@LINES@" "$0" | gzip -dc | tar -xof - -C "$new" || [ ! -x "$new/bin/rigfarm" ]; then
        echo "The Sentry cannot be unpacked into $home: is the file whole, and is there room on the disk (100 MB)?" >&2
        exit 1
    fi
    [ ! -f "$new/find-python.sh" ] || sh "$new/find-python.sh" "$new" || exit 1
    sync # before it counts as there: power cuts are a rig's daily life
    mv -T "$new" "$program" 2>/dev/null || [ -x "$program/bin/rigfarm" ]
    rm -rf "$new"
    trap - EXIT HUP INT TERM
    umask "$before"
fi
exec "$program/bin/rigfarm" sentry "$@"
