"""The paper to cite for the pairs of this benchmark."""

BIBTEX = """@inproceedings{korotin2022kantorovich,
  title = {Kantorovich Strikes Back! {Wasserstein} {GANs} are not Optimal Transport?},
  author = {Korotin, Alexander and Kolesov, Alexander and Burnaev, Evgeny},
  booktitle = {Advances in Neural Information Processing Systems 35 (NeurIPS)},
  year = {2022},
  url = {https://arxiv.org/abs/2206.07767}
}"""
CITATION = (
    "Korotin, Kolesov, Burnaev. Kantorovich Strikes Back! Wasserstein GANs are not Optimal Transport? NeurIPS 2022."
)
