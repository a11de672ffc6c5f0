"""Monte Carlo of finite interpolators in torch: streams, samples, models, measures, sweeps."""
