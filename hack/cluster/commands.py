import argparse
from pathlib import Path
from cluster.layout import layout_for, Layout
from cluster.hermetic import HermeticCluster
def main():
    p=argparse.ArgumentParser(); p.add_argument('cmd'); p.add_argument('--name',default='test'); p.add_argument('--state',type=Path); p.add_argument('--binaries',type=Path)
    a=p.parse_args()
    if a.cmd=='node':
        from cluster.node import run_node
        return run_node(Layout(a.name,a.state),a.binaries)
    c=HermeticCluster(layout_for(a.name))
    r=getattr(c,a.cmd)()
    if r: print(r)
