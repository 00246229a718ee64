#!/bin/sh
# The second held-out family as DIR/NAME.csv. Needs: apt-get install r-base-core r-cran-mlbench r-cran-mass; npm; node.
set -eu
[ $# -eq 1 ] || { echo "usage: fetch.sh DIR" >&2; exit 2; }
mkdir -p "$1"
Rscript - "$1" <<'R'
suppressMessages({ library(mlbench); library(MASS) })
out <- commandArgs(TRUE)[1]
write <- function(rows, name, class) {
  rows <- rows[!is.na(rows[[class]]), ]
  columns <- rows[setdiff(names(rows), class)]
  columns$class <- rows[[class]]
  write.csv(columns, file.path(out, paste0(name, ".csv")), row.names = FALSE, quote = FALSE, na = "")
}
every <- function(rows, n) rows[seq(1, nrow(rows), n), ]
data(LetterRecognition, Vehicle, Sonar, Shuttle, Vowel, Zoo, HouseVotes84, Soybean, DNA, crabs)
write(every(LetterRecognition, 4), "letter", "lettr")
write(Vehicle, "vehicle", "Class")
write(Sonar, "sonar", "Class")
write(every(Shuttle, 10), "shuttle", "Class")
Vowel$V1 <- NULL
write(Vowel, "vowel", "Class")
write(Zoo, "zoo", "type")
write(HouseVotes84, "votes", "Class")
write(Soybean, "soybean", "Class")
write(every(DNA, 2), "dna", "Class")
crabs$class <- paste0(crabs$sp, crabs$sex)
write(crabs[c("FL", "RW", "CL", "CW", "BD", "class")], "crabs", "class")
R
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
(cd "$work" && npm pack --silent vega-datasets@3.2.1 > /dev/null && tar xzf vega-datasets-3.2.1.tgz)
node -e '
const fs = require("fs"), rows = JSON.parse(fs.readFileSync(process.argv[1]));
const columns = ["US Gross", "Worldwide Gross", "Production Budget", "Rotten Tomatoes Rating", "IMDB Rating", "IMDB Votes", "MPAA Rating"], genre = "Major Genre";
fs.writeFileSync(process.argv[2], [columns.concat("class"), ...rows.filter(r => r[genre]).map(r => columns.concat(genre).map(c => r[c] ?? ""))].map(r => r.join(",")).join("\n") + "\n");
' "$work/package/data/movies.json" "$1/movies.csv"
