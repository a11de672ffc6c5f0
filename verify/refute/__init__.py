"""The search for counterexamples: `bigtheta.refute`, see `bigtheta.verify.refute.run`."""
