"""The program of the lecture "Introduction to Gradient Descent and Backpropagation", as printed there.

Only its two import lines differ: they read ``import torch`` and ``from torch import nn``.
"""

import thalweg as torch
from thalweg import nn


class mynet(nn.Module):  # noqa: D101, N801 - as printed
    def __init__(self, d0, d1, d2, d3):
        super().__init__()
        self.m0 = nn.Linear(d0, d1)
        self.m1 = nn.Linear(d1, d2)
        self.m2 = nn.Linear(d2, d3)

    def forward(self, x):
        z0 = x.view(-1)
        s1 = self.m0(z0)
        z1 = torch.relu(s1)
        s2 = self.m1(z1)
        z2 = torch.relu(s2)
        s3 = self.m2(z2)
        return s3  # noqa: RET504 - as printed


image = torch.randn(3, 10, 20)
d0 = image.nelement()
model = mynet(d0, 60, 40, 10)
out = model(image)
