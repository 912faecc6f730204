#!/usr/bin/env bash
# Turns secrets that come as files into what the programs read, then becomes the command. Prints none of them.
set -euo pipefail

# libpq reads a password from PGPASSWORD; its own password file must belong to the user, which a mounted secret may not.
if [[ -n "${PGPASSWORD_FILE:-}" ]]; then
    PGPASSWORD="$(< "${PGPASSWORD_FILE}")"
    export PGPASSWORD
fi

# Ray reads the token itself. That it is there is said here, in words, before anything starts.
if [[ "${RAY_AUTH_MODE:-}" == token && -z "${RAY_AUTH_TOKEN:-}" ]]; then
    token_file="${RAY_AUTH_TOKEN_PATH:-${HOME}/.ray/auth_token}"
    if [[ "${1:-}" == ray && ! -s "${token_file}" ]]; then
        echo "memory-entrypoint: no token for Ray: ${token_file} is missing or empty; see docs/deployment.md" >&2
        exit 78
    fi
fi

exec "$@"
