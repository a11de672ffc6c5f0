"""How often verdicts are wrong: a benchmark of instances whose exponents and limits are known.

`bigtheta calibrate` runs it. `families` draws synthetic laws, `theorems` random objects with a proven law;
`procedures` are the verdict of this package and naive ones; `score` turns outcomes into rates with bounds.
"""
