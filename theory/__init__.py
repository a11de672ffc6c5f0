"""Mathematics: exact and symbolic. Activations, Hermite coefficients, kernels, leading orders, statements, laws."""
