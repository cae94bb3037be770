"""Transfer packages (移交信息包, DA/T 93-2022) in a BagIt bag: writing, reading, judging.

The payload of the bag is the standard's tree and nothing else, so that who takes ``data/`` has exactly what the standard
describes, and who takes the bag can prove it::

    <移交编号>/
      bagit.txt bag-info.txt manifest-*.txt tagmanifest-*.txt  metadata/transfer.json
      data/
        说明文件.TXT  目录文件.XML
        <全宗号>/<类别>/…/<档号>/   基本信息元数据.xml 办理过程元数据.xml 归档信息/… 申报文件/… 过程文件/… 结果文件/…
        其他/   交接单据.XML 开放审核意见.XML 历次版本/<档号>/v<n>/…
"""
