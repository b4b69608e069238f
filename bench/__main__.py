"""`make bench`: the benchmarks of the precompute, that of scoring in a short form."""

from bench import captions, capture, heads, score, sweep, workers

if __name__ == "__main__":
    captions.main()
    capture.main()
    sweep.main()
    heads.main()
    score.main(score.SHORT)
    workers.main()
