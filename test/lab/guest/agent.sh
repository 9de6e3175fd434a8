# Serves requests that arrive on descriptor 3, one at a time. A request is a line
#   <id> here|child <bytes of standard input> <words of shell>
# followed by that many bytes; the answer is the line `answer <id> <exit status>`, a line with the length of standard
# output, one with that of standard error, and the bytes of both.
# `here` runs the words in this shell. Answers to an id given as $2 are still owed by the shell this one replaces.
folder=$1

answer() {
  {
    echo "answer $1 $2"
    stat -c %s "$folder/out" "$folder/err"
    cat "$folder/out" "$folder/err"
  } >&3
}

# Replaces the shell by a program, found the way any shell finds it: this one would take busybox's own instead.
launch() {
  program=$1
  shift
  case $program in
    */*) exec setsid "$program" "$@" ;;
  esac
  IFS=:
  for place in $PATH; do
    [ -x "$place/$program" ] && exec setsid "$place/$program" "$@"
  done
  echo "$program: not found" >&2
  exit 127
}

serve() {
  if [ "$3" -gt 0 ]; then
    dd bs="$3" count=1 iflag=fullblock <&3 >"$folder/in" 2>/dev/null
  else
    : >"$folder/in"
  fi
  if [ "$2" = child ]; then
    eval "( $4 ) <\"\$folder/in\" 3>&-" >"$folder/out" 2>"$folder/err"
  else
    eval "$4" <"$folder/in" >"$folder/out" 2>"$folder/err"
  fi
  answer "$1" $?
}

if [ -n "$2" ]; then
  : >"$folder/out"
  : >"$folder/err"
  answer "$2" 0
fi
while :; do
  if read -r id kind bytes words <&3; then
    [ -n "$words" ] && serve "$id" "$kind" "$bytes" "$words"
  else
    # While nobody is connected on the host's side, reads of the port return its end.
    usleep 20000
  fi
done
