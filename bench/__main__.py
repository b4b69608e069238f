"""`make bench`: every benchmark, that of scoring in a short form."""

from bench import heads, score, sweep, workers

if __name__ == "__main__":
    sweep.main()
    heads.main()
    score.main(score.SHORT)
    workers.main()
