# An agent that follows its brief to the letter. Its only argument is its own directory, where it keeps
# what it was asked: asked-1, asked-2 and so on. What it does then stands in the file `does` there.
own=$1
n=1
until mkdir "$own/asked-$n" 2>/dev/null; do n=$((n + 1)); done
asked=$own/asked-$n
cat >"$asked/brief"
: >"$asked/began"

# The id of the review.
run() {
    sed -n -e 's/.*`review`: `\(r-[0-9a-f]*\)`.*/\1/p' \
        -e 's/.*`review` is `\(r-[0-9a-f]*\)`.*/\1/p' "$asked/brief" | tail -n 1
}

# Each unit: its id, its path and one changed line of it, with tabs between.
units() {
    awk '
        function take(id, line) {
            if (line !~ /^[-+]/) return
            if (length(line) > 8) { if (!(id in echo)) echo[id] = substr(line, 2, 80) }
            else if (!(id in least)) least[id] = substr(line, 2)
        }
        /^<<<data [0-9a-f]+ units$/ { table = 1; next }
        /^<<<data [0-9a-f]+ diff u[0-9]+$/ { unit = $4; hunk = 0; next }
        /^>>>data / { table = 0; unit = ""; next }
        table && $1 ~ /^u[0-9]+$/ {
            split($0, field, " [|] ")
            ids[++count] = $1; path[$1] = field[5]; more[$1] = field[6]
        }
        unit != "" && /^@@ / { hunk = 1; next }
        unit != "" && hunk { take(unit, $0) }
        END {
            for (i = 1; i <= count; i++) {
                id = ids[i]
                page = "diff/" id "-001.txt"
                if (index(more[id], page)) {
                    hunk = 0
                    while ((getline line < (".deep-review/" page)) > 0) {
                        if (line ~ /^@@ /) hunk = 1; else if (hunk) take(id, line)
                    }
                    close(".deep-review/" page)
                }
                print id "\t" path[id] "\t" ((id in echo) ? echo[id] : least[id])
            }
        }' "$asked/brief"
}

# What stands in the file `raises` about these units: path|line|severity|title|quote, and what sets it off,
# what then happens and why, if that is not about the cart.
findings() {
    [ -e "$own/raises" ] || return 0
    units >"$asked/units"
    awk -F '|' -v units="$asked/units" '
        BEGIN { while ((getline line < units) > 0) { split(line, unit, "\t"); given[unit[2]] = 1 } }
        $1 in given {
            printf "%s{\"title\":\"%s\",\"places\":[{\"path\":\"%s\",\"line\":%s,\"quote\":\"%s\"}],", comma, $4, $1, $2, $5
            trigger = $6 ? $6 : "a cart with two prices"
            outcome = $7 ? $7 : "the customer pays the wrong sum"
            why = $8 ? $8 : "nothing is added up"
            printf "\"trigger\":\"%s\",\"outcome\":\"%s\",\"why\":\"%s\",", trigger, outcome, why
            printf "\"proof\":\"traced\",\"doubt\":\"\",\"rule\":\"\",\"kind\":\"regression\",\"severity\":\"%s\",\"fix\":\"\"}", $3
            comma = ","
        }' "$own/raises"
}

# The answer.
answer() {
    printf '{"review":"%s","units":[' "$(run)"
    units | sed -e 's/[\\"]/\\&/g' | awk -F '\t' '{
        printf "%s{\"u\":\"%s\",\"state\":\"reviewed\",\"echo\":\"%s\",\"looked\":\"\"}", comma, $1, $3
        comma = ","
    }'
    printf '],"findings":['
    findings
    printf '],"prior":[],"design":[],"tests":[],"docs":[],"summary":"A cart.","trouble":[]}\n'
}

# Says the same of each finding it is to check, as the lead: what to do with it, on which ground, and why.
# The quote is the line it is about.
verdicts() {
    batch=$(sed -n 's/.*`batch` is `\(b-[0-9a-f]*\)`.*/\1/p' "$asked/brief" | tail -n 1)
    printf '{"batch":"%s","clusters":[' "$batch"
    comma=
    sed -n -e 's/^<<<data [0-9a-f]* cluster \(k[0-9]*\)$/\1/p' -e 's/^place: //p' "$asked/brief" |
        while read -r id && read -r place; do
            path=${place%:*} line=${place##*:}
            quote=$(sed -n "${line}p" "$path" | sed -e 's/[\\"]/\\&/g')
            printf '%s{"c":"%s","check":"opened %s","path":"%s","line":%s,"quote":"%s",' \
                "$comma" "$id" "$path" "$path" "$line" "$quote"
            printf '"verdict":"%s","ground":"%s","reason":"%s","kind":"regression",' "$1" "$2" "$3"
            printf '"severity":"suggestion","proof":"traced","to":"","same_as":"","apart":[],'
            printf '"title":"","body":"","fix":""}'
            comma=,
        done
    printf '],"added":[%s],"trouble":[]}\n' "${4-}"
}

# The prose of the report.
prose() {
    report=$(sed -n 's/.*`report` is `\(n-[0-9a-f]*\)`.*/\1/p' "$asked/brief" | tail -n 1)
    printf '{"report":"%s","summary":"It adds a cart.","design":[{"type":"strength","scope":"in-scope",' "$report"
    printf '"text":"The cart is small.","from":[]}],"tests":[{"text":"An empty cart.","ids":["I1"]}],'
    printf '"docs":[],"commits":[],"limitations":[],"agents":[{"agent":"bob","text":"It saw the greeting."}],'
    printf '"proposals":[{"target":"context","action":"add","path":"*.js","text":"Sums of prices are added up, never counted.","because":"I1"}]}\n'
}

# Which of the three briefs it has: review, verify or report.
asked_to() {
    case "$(head -n 1 "$asked/brief")" in
    '# Verification brief') echo verify ;;
    '# Report brief') echo report ;;
    *) echo review ;;
    esac
}

# Waits until the test opens its gate.
wait_for_gate() {
    read -r _ <"$own/gate"
}

. "$own/does"
