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

_crmfs() {
    local cur prev words cword
    _init_completion -n = || return

    if ((cword == 1)); then
        mapfile -t COMPREPLY < <(compgen -W 'mount help --help --version' -- "$cur")
        return
    fi
    case ${words[1]} in
    help)
        mapfile -t COMPREPLY < <(compgen -W 'mount' -- "$cur")
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
