#!/bin/sh
# Starts Valkey as the cache or as the broker of the Celery workers. Other arguments go to the server.
#
#   start.sh cache|broker [--option value …]
#
# Passwords come from the environment and go into a file in memory: arguments are visible in the
# list of processes. Passwords consist of letters and digits (deploy/secrets.env.example).
set -eu

role=$1
shift
umask 077
configuration=${TMPDIR:-/tmp}/valkey.conf

# Never evict: a generation with missing keys would look complete to readers. When the memory is
# full, the next generation is refused with a message, and readers keep the current one.
cat > "$configuration" <<END
maxmemory $MAXMEMORY
maxmemory-policy noeviction
appendonly yes
appendfsync everysec
save ""
user default on >$PASSWORD ~* &* +@all
END

# Readers of the cache read keys whose names they know; they cannot list keys or write.
[ "$role" != cache ] || cat >> "$configuration" <<END
user reader on >$READER_PASSWORD resetchannels %R~ouspark:* -@all +get +mget +exists +ttl +ping +select +client|setinfo +client|setname
END

# The shell is replaced, so that the server is process 1, gets SIGTERM and saves its data.
exec valkey-server "$configuration" "$@"
