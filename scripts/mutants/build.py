#!/usr/bin/env python3
"""Finds out which mutants of the one tree do not compile, and leaves them out: until all of it compiles.

build.py        in the root of the repository; `target/mutants/mutants.json` is what `cargo mutants --list --json` printed, and
                `target/mutants/tree` a copy of the repository whose Cargo.toml has no dev-dependency on itself
"""
import json,subprocess,re,sys,os
H=os.path.dirname(os.path.abspath(__file__)); T=os.path.abspath('target/mutants'); S=f'{T}/tree'
F="bedrock bundled-prices client memory-keys metrics mock postgres redis retry signatures timers tracing"
dp=f'{T}/dropped.json'
why=json.load(open(f'{T}/why.json')) if os.path.exists(f'{T}/why.json') else {}
for rnd in range(12):
    dropped=set(json.load(open(dp))) if os.path.exists(dp) else set()
    subprocess.run(['python3',f'{H}/one_tree.py','.',S,f'{T}/mutants.json',dp,f'{T}/status.json'],check=True)
    p=subprocess.run(['nice','-n','15','cargo','check','--offline','--profile','test','--lib','--features',F,'--message-format=json'],cwd=S,capture_output=True,text=True)
    new=set(); lost=[]
    cache={}
    def blocks(f):
        if f not in cache:
            s=open(f'{S}/{f}','rb').read(); out=[]
            for m in re.finditer(rb'mutant::is\((\d+)\)',s):
                e=s.find(b'/*e%s*/'%m.group(1),m.start()); out.append((m.start(),e,int(m.group(1))))
            cache[f]=out
        return cache[f]
    nerr=0
    for line in p.stdout.splitlines():
        try: o=json.loads(line)
        except ValueError: continue
        if o.get('reason')!='compiler-message': continue
        msg=o['message']
        if msg['level']!='error' or not msg['spans']: continue
        nerr+=1
        spans=[s for s in msg['spans'] if s['is_primary']]+[s for s in msg['spans'] if not s['is_primary']]
        for c in msg['children']: spans+=c['spans']
        hit=None
        for s in spans:
            exp=s
            while exp.get('expansion') and exp['expansion']: exp=exp['expansion']['span']
            if not os.path.exists(f"{S}/{exp['file_name']}"): continue
            c=[b for b in blocks(exp['file_name']) if b[0]<=exp['byte_start']<=b[1]]
            if c: hit=min(c,key=lambda b:b[1]-b[0])[2]; break
        if hit is None: lost.append(msg['rendered'])
        else: new.add(hit); why[str(hit)]=msg['message']
    print('round',rnd,'errors',nerr,'new',len(new),'lost',len(lost),'rc',p.returncode,flush=True)
    json.dump(sorted(dropped|new),open(dp,'w')); json.dump(why,open(f'{T}/why.json','w'))
    if lost: open('/tmp/lost.txt','w').write('\n'.join(lost))
    if p.returncode==0: break
    if not new:
        print(p.stderr[-1500:]); print(''.join(lost)[:6000]); break
