#!/usr/bin/env python3
"""Tries each mutant of one tree in a process of its own, with the tests that reach it.

run.py BINARY trace              which mutants each test reaches, and how long it takes
run.py BINARY all                every mutant that has no result yet
run.py BINARY missed|timeout     those again
run.py BINARY uncaught           those that no other binary has caught
run.py BINARY 17 42              these

In the environment: TAG names the results (`lib`), MUTANTS the folder (`target/mutants`), J processes at a time, CASES of proptest,
SLOW leaves out tests that take longer, FILES and ONLY parts of names, KEEP keeps other traces, IGNORED runs ignored tests too.
"""
import json, os, subprocess, sys, time, threading, queue, resource, collections, signal
T=os.path.abspath(os.environ.get('MUTANTS','target/mutants')); S=f'{T}/tree'
BIN=sys.argv[1]; mode=sys.argv[2]; TAG=os.environ.get('TAG','lib'); J=int(os.environ.get('J','2'))
IGN=['--include-ignored'] if os.environ.get('IGNORED') else []
mutants=json.load(open(f'{T}/mutants.json')); status=json.load(open(f'{T}/status.json'))
CASES=os.environ.get('CASES','16')
base={**os.environ,'PROPTEST_CASES':CASES,'PROPTEST_DISABLE_FAILURE_PERSISTENCE':'1','RUST_BACKTRACE':'0','CARGO_MANIFEST_DIR':S}
base.pop('MUTANT',None)
def limits(cpu):
    def f():
        os.setsid(); os.nice(0)
        resource.setrlimit(resource.RLIMIT_CPU,(cpu,cpu+2)); resource.setrlimit(resource.RLIMIT_AS,(6<<30,6<<30))
        resource.setrlimit(resource.RLIMIT_CORE,(0,0))
    return f
def kill(p):
    try: os.killpg(p.pid,signal.SIGKILL)
    except ProcessLookupError: pass
def spent(): return resource.getrusage(resource.RUSAGE_CHILDREN)
tp=f'{T}/trace-{TAG}.json'
if mode=='trace':
    tests=[l[:-6] for l in subprocess.run([BIN,'--list']+IGN,capture_output=True,text=True,cwd=S).stdout.splitlines() if l.endswith(': test')]
    if os.environ.get('ONLY'): tests=[t for t in tests if any(o in t for o in os.environ['ONLY'].split(','))]
    old=json.load(open(tp)) if os.path.exists(tp) and os.environ.get('KEEP') else {}
    q=queue.Queue(); [q.put(t) for t in tests]; res={}; lock=threading.Lock()
    def work():
        while True:
            try: t=q.get_nowait()
            except queue.Empty: return
            tf=f'/tmp/mt-{TAG}-{threading.get_ident()}'
            if os.path.exists(tf): os.unlink(tf)
            a=time.time()
            p=subprocess.run(['nice','-n','15',BIN,'--exact',t,'--test-threads','1']+IGN,cwd=S,env={**base,'MUTANT_TRACE':tf},capture_output=True,text=True)
            hit=sorted(set(map(int,open(tf).read().split()))) if os.path.exists(tf) else []
            with lock:
                res[t]={'t':time.time()-a,'hit':hit,'ok':p.returncode==0}
                if p.returncode: print('BASE FAIL',t,p.stdout[-500:])
    ts=[threading.Thread(target=work) for _ in range(J)]; [t.start() for t in ts]; [t.join() for t in ts]
    json.dump({**old,**res},open(tp,'w')); print(len(res),'tests',sum(r['t'] for r in res.values()))
    print(sorted(((round(r['t'],1),t) for t,r in res.items()),reverse=True)[:25]); sys.exit()
trace=json.load(open(tp)); by=collections.defaultdict(list)
for t,r in trace.items():
    if r['ok'] and r['t'] < float(os.environ.get('SLOW','1e9')):
        for n in r['hit']: by[n].append(t)
rp=f'{T}/results-{TAG}.json'
results=json.load(open(rp)) if os.path.exists(rp) else {}
ids=[i for i in range(len(mutants)) if status[str(i)]=='in']
if mode=='all': todo=[i for i in ids if str(i) not in results]
elif mode=='uncaught':
    import glob
    caught=set()
    for g in glob.glob(f'{T}/results-*.json'):
        caught|={k for k,v in json.load(open(g)).items() if v['r']=='caught' or v.get('why')=='cpu'}
    todo=[i for i in ids if str(i) not in caught and by.get(i)]
elif mode in('missed','timeout'): todo=[i for i in ids if results.get(str(i),{}).get('r')==mode]
else: todo=[int(x) for x in sys.argv[2:]]
if os.environ.get('FILES'): todo=[i for i in todo if any(f in mutants[i]['file'] for f in os.environ['FILES'].split(','))]
import random; random.Random(7).shuffle(todo)
SLOW=float(os.environ.get('SLOW','1e9'))
lock=threading.Lock(); q=queue.Queue(); [q.put(i) for i in todo]; done=0
def one(i):
    tests=sorted(by.get(i,[]),key=lambda t:trace[t]['t'])
    if not tests: return {'r':'missed','why':'not reached'}
    groups=[]; acc=[]; tot=0; cap=0.3
    for t in tests:
        acc.append(t); tot+=trace[t]['t']
        if tot>cap: groups.append((acc,tot)); acc=[]; tot=0; cap*=4
    if acc: groups.append((acc,tot))
    for g,tot in groups:
        cpu=int(6+tot*5); wall=90+tot*20
        p=subprocess.Popen(['nice','-n','15',BIN,'--exact']+g+['--test-threads','2']+IGN,cwd=S,env={**base,'MUTANT':str(i)},stdout=subprocess.PIPE,stderr=subprocess.DEVNULL,text=True,preexec_fn=limits(cpu))
        over=[]
        tm=threading.Timer(wall,lambda:(over.append(1),kill(p))); tm.start(); failed=None; finished=False
        for line in p.stdout:
            if line.startswith('test ') and line.rstrip().endswith('FAILED'): failed=line.split()[1]; kill(p); break
            if line.startswith('test result: ok'): finished=True
        p.stdout.close(); rc=p.wait(); tm.cancel(); kill(p)
        if failed: return {'r':'caught','by':failed}
        if over: return {'r':'timeout','why':'wall','g':g}
        if rc in(-signal.SIGXCPU,-signal.SIGKILL): return {'r':'timeout','why':'cpu','g':g}
        if not finished or rc: return {'r':'caught','by':f'exit {rc}'}
    return {'r':'missed','why':f'{len(tests)} tests'}
def work():
    global done
    while True:
        try: i=q.get_nowait()
        except queue.Empty: return
        r=one(i)
        with lock:
            results[str(i)]=r; done+=1
            if done%25==0:
                json.dump(results,open(rp+'.n','w')); os.rename(rp+'.n',rp); print(time.strftime('%H:%M:%S'),done,'/',len(todo),collections.Counter(x['r'] for x in results.values()),flush=True)
ts=[threading.Thread(target=work) for _ in range(J)]; [t.start() for t in ts]; [t.join() for t in ts]
json.dump(results,open(rp,'w')); print(collections.Counter(x['r'] for x in results.values()))
