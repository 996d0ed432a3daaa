# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# bash completion for crmfs(1); needs the package bash-completion.

_crmfs_options='allow_other allow_root auto_unmount busy-timeout= config= debug default_permissions
    fsname= gid= max-memory= noauto_unmount refresh= ro rw spool= spool-size= subtype= uid= umask='

# The last of the comma-separated mount options in $cur. As bash breaks words at "=", an answer
# leaves out what stands before the last one.
_crmfs_mount_options() {
    local before='' last=$cur answers=() answer
    if [[ $cur == *,* ]]; then
        before=${cur%,*},
        last=${cur##*,}
    fi
    case $last in
    spool=* | config=*)
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

_crmfs_passphrase_options='--passphrase-file --passphrase-command'

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
                $_crmfs_passphrase_options --help"
        elif ((cword == 2)); then
            _crmfs_words 'list add remove change recovery'
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
        mapfile -t COMPREPLY < <(compgen -W 'mount init key help --help --version' -- "$cur")
        return
    fi
    case ${words[1]} in
    help)
        mapfile -t COMPREPLY < <(compgen -W 'mount init key' -- "$cur")
        ;;
    init)
        _crmfs_init
        ;;
    key)
        _crmfs_key
        ;;
    mount)
        if [[ $prev == -o ]]; then
            _crmfs_mount_options
        elif [[ $prev == --config ]]; then
            _filedir
        elif [[ $cur == -* ]]; then
            mapfile -t COMPREPLY < <(compgen -W '-o -f --foreground --config --help' -- "$cur")
        else
            [[ $cur != *=* ]] || cur=${cur#*=} # NAME=PATH
            _filedir
        fi
        ;;
    esac
} && complete -F _crmfs crmfs
