"""How far a reconstruction is from the original: PSNR, SSIM, and what SAR asks beside.

Start with `reconstruction.py`.
"""
