# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# bash completion for crmfs(1); needs the package bash-completion.

_crmfs_options='allow_other allow_root auto_unmount busy-timeout= config= debug default_permissions
    fsname= gid= max-garbage= max-memory= max_read= noauto_unmount passphrase-command= passphrase-file= records refresh= ro rw rw-live spool=
    spool-size= store= subtype= uid= umask= view-timeout='

# The last of the comma-separated mount options in $cur. As bash breaks words at "=", an answer
# leaves out what stands before the last one.
_crmfs_mount_options() {
    local before='' last=$cur answers=() answer
    if [[ $cur == *,* ]]; then
        before=${cur%,*},
        last=${cur##*,}
    fi
    case $last in
    spool=* | store=* | passphrase-file=* | config=*)
        before+=${last%%=*}=
        mapfile -t answers < <(compgen -f -- "${last#*=}")
        compopt -o filenames
        ;;
    *=*)
        return
        ;;
    *)
        mapfile -t answers < <(compgen -W "$_crmfs_options" -- "$last")
        ;;
    esac
    local broken=''
    [[ $before == *=* ]] && broken=${before%=*}=
    for answer in "${answers[@]}"; do
        answer=$before$answer
        COMPREPLY+=("${answer#"$broken"}")
    done
    compopt -o nospace
}

_crmfs_commands='mount init key snapshot import diff export restore migrate verify-restore
    snapshots forget prune check repair stats help'
_crmfs_passphrase_options='--passphrase-file --passphrase-command'
_crmfs_store_options="$_crmfs_passphrase_options --accept-rollback"

# Answers with the words that $cur may become.
_crmfs_words() {
    mapfile -t COMPREPLY < <(compgen -W "$1" -- "$cur")
}

_crmfs_init() {
    case $prev in
    --cipher) _crmfs_words 'aes-256-gcm xchacha20-poly1305' ;;
    --compression) _crmfs_words 'auto fast max none' ;;
    --passphrase-file) _filedir ;;
    --passphrase-command | --group-size) ;;
    *)
        if [[ $cur == -* ]]; then
            _crmfs_words "--cipher --compression --group-size $_crmfs_passphrase_options --help"
        else
            _filedir -d
        fi
        ;;
    esac
}

_crmfs_key() {
    case $prev in
    --passphrase-file | --new-passphrase-file) _filedir ;;
    --passphrase-command | --new-passphrase-command | --label) ;;
    *)
        if [[ $cur == -* ]]; then
            _crmfs_words "--json --label --new-passphrase-file --new-passphrase-command
                $_crmfs_store_options --help"
        elif ((cword == 2)); then
            _crmfs_words 'list add remove change recovery'
        else
            _filedir -d
        fi
        ;;
    esac
}

_crmfs_snapshot() {
    case $prev in
    --passphrase-file) _filedir ;;
    --store) _filedir -d ;;
    --passphrase-command | --name | --tag | --table | --exclude-table | --view-timeout) ;;
    *)
        if [[ $cur == -* ]]; then
            _crmfs_words "--store --name --tag --table --exclude-table --view-timeout --json
                --quiet
                $_crmfs_store_options --help"
        else
            [[ $cur != *=* ]] || cur=${cur#*=} # NAME=PATH
            _filedir
        fi
        ;;
    esac
}

_crmfs_export() {
    case $prev in
    --passphrase-file) _filedir ;;
    -o | --output) _filedir -d ;;
    -f | --format) _crmfs_words 'csv json ndjson' ;;
    --passphrase-command) ;;
    *)
        if [[ $cur == -* ]]; then
            _crmfs_words "--format --output $_crmfs_store_options --help"
        else
            _filedir -d
        fi
        ;;
    esac
}

_crmfs_restore() {
    case $prev in
    --passphrase-file | --skip-bad | --to | --journal) _filedir ;;
    --store | --scratch) _filedir -d ;;
    --mode) _crmfs_words 'append upsert replace missing' ;;
    --passphrase-command | --where | --key | --table | --exclude-table | --database | --map | --ignore-columns) ;;
    *)
        if [[ $cur == -* ]]; then
            case ${words[1]} in
            restore)
                _crmfs_words "--store --to --mode --table --exclude-table --database --where --key
                    --with-parents --orphans --map --ignore-columns --no-create --skip-bad --dry-run --json --quiet
                    $_crmfs_store_options --help"
                ;;
            migrate)
                _crmfs_words "--store --database --journal --orphans --dry-run --json --quiet $_crmfs_store_options --help"
                ;;
            *)
                _crmfs_words "--store --to --scratch --json --quiet $_crmfs_store_options --help"
                ;;
            esac
        else
            _filedir
        fi
        ;;
    esac
}

_crmfs_diff() {
    case $prev in
    --passphrase-file) _filedir ;;
    --passphrase-command) ;;
    *)
        if [[ $cur == -* ]]; then
            _crmfs_words "--json $_crmfs_store_options --help"
        else
            _filedir -d
        fi
        ;;
    esac
}

# What the commands that keep a store take, --help and passphrases aside.
_crmfs_keeping_options() {
    case $1 in
    snapshots) echo '--tag --host --json' ;;
    forget)
        echo '--keep-last --keep-hourly --keep-daily --keep-weekly --keep-monthly --keep-yearly
            --keep-within --keep-within-hourly --keep-within-daily --keep-within-weekly
            --keep-within-monthly --keep-within-yearly --keep-tag --tag --host --group-by --dry-run
            --prune --json'
        ;;
    prune) echo '--max-unused --grace --dry-run --json' ;;
    check) echo '--read-data --read-data-subset --json' ;;
    repair) echo '--forget-damaged --drop-records --read-data --release-files --json' ;;
    stats) echo '--json' ;;
    esac
}

_crmfs_keeping() {
    case $prev in
    --passphrase-file) _filedir ;;
    --group-by) _crmfs_words 'host sources tags host,sources host,tags host,sources,tags' ;;
    --passphrase-command | --keep-* | --tag | --host | --max-unused | --grace | --read-data-subset) ;;
    *)
        if [[ $cur == -* ]]; then
            _crmfs_words "$(_crmfs_keeping_options "${words[1]}") $_crmfs_store_options --help"
        else
            _filedir -d
        fi
        ;;
    esac
}

_crmfs() {
    local cur prev words cword
    _init_completion -n = || return

    if ((cword == 1)); then
        mapfile -t COMPREPLY < <(compgen -W "$_crmfs_commands --help --version" -- "$cur")
        return
    fi
    case ${words[1]} in
    help)
        mapfile -t COMPREPLY < <(compgen -W "${_crmfs_commands% help}" -- "$cur")
        ;;
    init)
        _crmfs_init
        ;;
    key)
        _crmfs_key
        ;;
    snapshot | import)
        _crmfs_snapshot
        ;;
    diff)
        _crmfs_diff
        ;;
    restore | migrate | verify-restore)
        _crmfs_restore
        ;;
    export)
        _crmfs_export
        ;;
    snapshots | forget | prune | check | repair | stats)
        _crmfs_keeping
        ;;
    mount)
        if [[ $prev == -o ]]; then
            _crmfs_mount_options
        elif [[ $prev == --config || $prev == --passphrase-file ]]; then
            _filedir
        elif [[ $prev == --store ]]; then
            _filedir -d
        elif [[ $prev == --passphrase-command ]]; then
            return
        elif [[ $cur == -* ]]; then
            mapfile -t COMPREPLY < <(compgen -W "-o -f --foreground --config --store
                $_crmfs_store_options --help" -- "$cur")
        else
            [[ $cur != *=* ]] || cur=${cur#*=} # NAME=PATH
            _filedir
        fi
        ;;
    esac
} && complete -F _crmfs crmfs
